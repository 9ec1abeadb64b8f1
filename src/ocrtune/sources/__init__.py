"""Sources: files of any kind → drafts of samples. Each is a leaf; `plugins.SOURCES` names them."""
