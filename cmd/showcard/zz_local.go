package main

type inspectCommand struct{}

func (inspectCommand) Run() error { return nil }
