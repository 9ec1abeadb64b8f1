"""The command line. Flags are generated from the options that verbs declare; none is written here by hand."""
