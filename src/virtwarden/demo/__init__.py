"""A recorded host, unhardened and realistic, that `virt-warden demo` scans."""
