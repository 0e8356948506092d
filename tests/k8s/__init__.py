"""What `make test-k8s` runs: the manifests of k8s/, as Kustomize renders them. No cluster is needed."""
