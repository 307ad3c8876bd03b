"""clbench plugin: GMAIL, generated images as a modality of their own.

The loss in :mod:`clbench_gmail.losses` and the adapters in :mod:`clbench_gmail.lora` can be used on their
own; nothing is imported here, so that listings never load torch.
"""
