// Entry of the etcd program: arguments, environment and config file become options, the core is composed and
// run.
return EtcdAot.Cmd.Etcd.EtcdMain.Run(args);
