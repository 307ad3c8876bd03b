"""clbench plugin: class-incremental TinyImageNet and ImageNet, domain-incremental DomainNet."""
