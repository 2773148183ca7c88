// Entry of etcdctl; the same file is etcdutl when it is called by that name.
return EtcdAot.Cmd.Etcdctl.CtlMain.Run(args);
