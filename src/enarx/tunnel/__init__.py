"""Links with descriptors over one untrusted byte pipe, the same code at both of its ends.

``records`` is the byte format, ``state`` the rules, ``carrier`` the process that moves the bytes.
"""
