"""clbench plugin: CLIP-KD, distillation of CLIP into CLIP, between tasks or into a smaller one.

The losses in :mod:`clbench_clip_kd.losses` can be used on their own; nothing is imported here, so that
listings never load torch.
"""
