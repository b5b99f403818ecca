"""The room in Jupyter Server: the only part that knows tornado, traitlets and jupyter_server."""
