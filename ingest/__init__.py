"""file -> pages -> chunks -> vectors -> store."""
