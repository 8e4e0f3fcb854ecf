"""``wasi:http``: its resources, and how a component that handles requests is served."""
