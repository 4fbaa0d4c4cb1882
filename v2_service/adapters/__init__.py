"""The edges: database, Storage, language model, embeddings, web app. Counterpart: the ports in `contract.py`."""
