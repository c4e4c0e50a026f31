"""`python -m virtwarden` is the command `virt-warden`."""

import sys

from virtwarden.cli import main

sys.exit(main())
