"""``python -m carpal``"""

from carpal.cli import main

if __name__ == "__main__":
    main()
