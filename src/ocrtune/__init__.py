"""ocrtune: from a pile of documents to a better OCR model, with a verdict."""

__version__ = "0.1.0"
