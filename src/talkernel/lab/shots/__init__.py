"""Measures shot boundary detectors on labelled sequences made from any videos."""
