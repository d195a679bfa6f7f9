"""Files of messages as people have them -> columns and rows.

table.py      any file -> its columns and rows: the one reader
pairs.py      the (label, text) pairs of a file of labelled messages
frame.py      a frame of one's own, checked
layout.py     what a file does not say about itself
kinds.py      the first bytes of a file -> what it is
contents.py   a file, as it is or packed -> its lines of text
columns.py    the names of columns -> the places of text and label
delimited.py  the rows of a CSV or TSV
known.py      UCI's, fastText's and Kaggle's layouts
records.py    JSON, Parquet, Excel
"""
