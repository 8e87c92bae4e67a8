package main

type demoCommand struct{}

func (demoCommand) Run() error { return nil }

type serveCommand struct{}

func (serveCommand) Run() error { return nil }

type inspectCommand struct{}

func (inspectCommand) Run() error { return nil }
