"""clbench plugin: GIFT, continual learning with generated images.

The losses in :mod:`clbench_gift.losses` can be used on their own; nothing is imported here, so that
listings never load torch.
"""
