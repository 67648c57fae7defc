"""One tiny example for each framework, and the demo that compares them."""
