"""The process in which a method learns and answers, without labels of test images and other runs' objects."""
