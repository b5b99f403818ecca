"""The Jupyter Server extension; only this part uses tornado, traitlets and jupyter_server."""
