"""The page. It renders what the Engine yields and decides nothing."""
