"""A real KVM host made of namespaces on this machine, for the tests that ask libvirt and QEMU themselves."""
