"""Measures talking faces, ours and any other system's, by the paper's protocols and harder ones.

clips -> cases (face, speech, real video) -> a system makes videos -> each is tracked once
-> metrics -> results -> report and tables. `docs/evaluation.md` says how every metric is computed.
"""
