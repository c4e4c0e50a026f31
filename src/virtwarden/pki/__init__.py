"""The certificates of libvirt and QEMU: an authority of one's own, what it issues, where each file belongs, and what is
wrong with those that are there. A library over `formats`; nothing is written but what a function's name says."""
