package main

import "context"

// warmKeys makes the tables of the keys that the trust list names before anybody asks: after a
// restart at eight o'clock everybody would wait for them at once.
func (a *app) warmKeys(ctx context.Context) {
	list, err := a.registry.Current(ctx)
	if err != nil {
		a.log.Warn("tables of known keys not made yet", "error", err)
		return
	}
	for _, i := range list.Issuers {
		for _, k := range i.Keys {
			a.tables.Known(k.Key)
		}
	}
	for _, p := range list.Providers {
		for _, k := range p.Keys {
			a.tables.Known(k.Key)
		}
	}
}
