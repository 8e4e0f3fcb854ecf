// How many SEV-SNP reports go-sev-guest verifies in a second, on one thread.
//
//	snp REPORT VCEK ASK ARK SECONDS_SINCE_EPOCH COUNT PRODUCT
//
// Offline: the certificates are given, nothing is fetched, no revocation list is looked up.
package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/proto/sevsnp"
	"github.com/google/go-sev-guest/verify"
	"github.com/google/go-sev-guest/verify/trust"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	runtime.GOMAXPROCS(1)
	read := func(i int) []byte { return must(os.ReadFile(os.Args[i])) }
	report, vcek, ask, ark := read(1), read(2), read(3), read(4)
	at := time.Unix(must(strconv.ParseInt(os.Args[5], 10, 64)), 0)
	count := must(strconv.Atoi(os.Args[6]))
	root := trust.AMDRootCertsProduct(os.Args[7])
	root.ProductCerts = &trust.ProductCerts{
		Ask: must(x509.ParseCertificate(ask)), Ark: must(x509.ParseCertificate(ark)),
	}
	options := &verify.Options{
		DisableCertFetching: true,
		Now:                 at,
		TrustedRoots:        map[string][]*trust.AMDRootCerts{os.Args[7]: {root}},
	}
	one := func() {
		attestation := &sevsnp.Attestation{
			Report:           must(abi.ReportToProto(report)),
			CertificateChain: &sevsnp.CertificateChain{VcekCert: vcek, AskCert: ask, ArkCert: ark},
			Product:          abi.DefaultSevProduct(),
		}
		if err := verify.SnpAttestation(attestation, options); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	one()
	begin := time.Now()
	for i := 0; i < count; i++ {
		one()
	}
	fmt.Println(float64(count) / time.Since(begin).Seconds())
}
