"""Files of messages as people have them -> columns and rows.

table.py      any file -> its columns and rows: the one reader
pairs.py      the (label, text) pairs of a file of labelled messages
frame.py      a frame of one's own, checked
layout.py     what a file does not say about itself
kinds.py      the first bytes of a file -> what it is
contents.py   a file, as it is or packed -> its lines of text
columns.py    the names of columns -> a table whose text and label are found
header.py     the first lines of a CSV or TSV -> its columns and rows
rows.py       the rows of a CSV or TSV
tabbed.py     those of a TSV whose quotation marks may be text
delimited.py  the cells of one line
known.py      UCI's, fastText's and Kaggle's layouts
records.py    JSON, Parquet, Excel
"""
