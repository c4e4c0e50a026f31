"""What is wrong with certificates, keys, lists and their places: by the rules of libvirt and GnuTLS, and stricter."""
