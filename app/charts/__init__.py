"""Data in, chart out; no Streamlit."""
