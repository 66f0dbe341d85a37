"""A page in the browser that shows and marks what was recorded, served from this machine."""
