"""Pictures, rows and sentences of a plan or report: pure functions of values, without a browser.

Data functions return frozen rows; whoever shows them (the HTML report, a Dash page) does the
markup.
"""
