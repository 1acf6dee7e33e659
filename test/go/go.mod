module kotovayla.example/verify-log

go 1.25

require golang.org/x/mod v0.32.0
