"""What changes for packets, connections and rules of a node when manifests change."""
