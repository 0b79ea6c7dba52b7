"""HTTP routes beside the page. They decide nothing: each calls the Engine."""
