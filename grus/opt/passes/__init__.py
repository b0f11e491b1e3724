"""The optimizer's passes over the IR. `grus.opt.pipeline` lists and runs them."""
