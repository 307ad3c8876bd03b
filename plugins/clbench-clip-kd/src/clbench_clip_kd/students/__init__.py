"""Smaller models to distil into: their configurations, building one, and its directory."""

from clbench_clip_kd.students.building import build_student, packaged_students, student_config
from clbench_clip_kd.students.directory import VOCABULARY, load_student, vocabulary_file, write_student

__all__ = [
    "VOCABULARY",
    "build_student",
    "load_student",
    "packaged_students",
    "student_config",
    "vocabulary_file",
    "write_student",
]
