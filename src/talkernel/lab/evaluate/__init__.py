"""Measuring talking faces: ours and any other system's, by the paper's protocols and harder ones.

clips -> cases (what is driven by what) -> a system makes videos -> observed once each -> metrics
-> results -> report and tables. `docs/evaluation.md` says how every metric is computed.
"""
