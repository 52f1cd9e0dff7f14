"""The separation API's protocol (`fal-ai/sam-audio`): its schema, a client, storage, webhooks.

Usable alone: `from soundmatte.separation.client import Client`. It must know neither jobs nor
editors, nor what becomes of the stems.
"""
