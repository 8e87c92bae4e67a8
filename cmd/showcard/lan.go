package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/showcard/showcard/internal/qr/qrimage"
)

// serveLAN serves the demo over HTTPS to the local network. Browsers give camera and keys to
// secure pages only, so the certificate is made here, for this start; phones will warn once.
func (c *demoCommand) serveLAN(ctx context.Context, d *demo, ended chan<- error) error {
	certificate, err := selfMade(lanAddresses(), time.Now())
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", c.LANAddr, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: d.server.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(drain)
	}()
	go func() {
		err := server.Serve(l)
		if err == http.ErrServerClosed {
			err = nil
		}
		ended <- err
	}()
	return nil
}

// lanAddresses returns this machine's own addresses, private IPv4 first.
func lanAddresses() []net.IP {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var private, others []net.IP
	for _, a := range addresses {
		ip, ok := a.(*net.IPNet)
		switch {
		case !ok || ip.IP.IsLoopback() || ip.IP.IsLinkLocalUnicast():
		case ip.IP.IsPrivate() && ip.IP.To4() != nil:
			private = append(private, ip.IP)
		default:
			others = append(others, ip.IP)
		}
	}
	return append(private, others...)
}

func selfMade(addresses []net.IP, now time.Time) (tls.Certificate, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "showcard demo"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 30),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		IPAddresses: append([]net.IP{net.IPv4(127, 0, 0, 1)}, addresses...), DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}, nil
}

func (d *demo) announceLAN(w io.Writer, addr string) {
	_, port, err := net.SplitHostPort(addr)
	addresses := lanAddresses()
	if err != nil || len(addresses) == 0 {
		fmt.Fprintln(w, "  --lan: 没有找到局域网地址 / this machine has no address in a local network")
		return
	}
	page := "https://" + net.JoinHostPort(addresses[0].String(), port) + "/"
	fmt.Fprintf(w, "  手机扫码打开 scan with a phone: %s\n  （证书是自制的，请在手机上选择继续访问 / the certificate is self-made: choose to go on）\n\n", page)
	if code, err := qrimage.Terminal(page); err == nil {
		fmt.Fprintln(w, code)
	}
}
