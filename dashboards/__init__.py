"""Pages, figures and the nightly HTML report: what people look at.

``tokens`` holds colours, ``figures`` turns plans and reports into pictures and rows of text (pure
functions, no browser), ``html_report`` writes the one-file report. Imports twin, solvers and
scenarios; nothing imports it but the two doors (command line and nightly run), inside a function.
"""
