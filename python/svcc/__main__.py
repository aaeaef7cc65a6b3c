"""``python -m svcc``."""

from svcc.cli import main

if __name__ == "__main__":
    main()
