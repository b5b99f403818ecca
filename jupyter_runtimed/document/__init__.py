"""The notebook and runtime documents, notebook files, and the conversion between them."""
