"""Methods against each other, over the same test images and seeds."""
