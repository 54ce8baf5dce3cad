// The rows of the helper table, and finding one.
//
// Which program types may call a helper is what Linux 6.18 answers when it loads a program that does; the abi test asks
// the running kernel again. Not refereed there, but read in the sources of 6.12, is what that kernel loads no program
// for: fentry, fexit, fmod_ret, lsm, struct_ops (taken together: TCP congestion control may call most), lirc_mode2, and
// what it is built or locked down without (override_return, probe_write_user). An ext program may call what the program
// it replaces a part of may call: it is in every set. Type unspec is no Linux type: such a program has no context of
// its own, so it may call what needs none.
#include "abi/helper.hpp"

#include <algorithm>

namespace skep::abi {
namespace {

using enum ProgType;
using enum Arg;

constexpr ArgSpec in_bytes(std::uint8_t bytes, Arg kind = fixed_mem) {
  ArgSpec spec{kind};
  spec.bytes = bytes;
  return spec;
}
constexpr ArgSpec out_bytes(std::uint8_t bytes) { return in_bytes(bytes, Arg::fixed_out); }
constexpr ArgSpec inout_bytes(std::uint8_t bytes) { return in_bytes(bytes, Arg::fixed_inout); }
constexpr ArgSpec pointer(KernelType type, Arg kind = btf) {
  ArgSpec spec{kind};
  spec.type = type;
  return spec;
}
constexpr ArgSpec pointer_or_null(KernelType type) { return pointer(type, btf_or_null); }
constexpr ArgSpec calls(Callback how) {
  ArgSpec spec{callback};
  spec.callback = how;
  return spec;
}
constexpr ArgSpec a_dynptr(Dynptr kind, Arg arg = dynptr) {
  ArgSpec spec{arg};
  spec.dynptr = kind;
  return spec;
}
constexpr ArgSpec new_dynptr(Dynptr kind) { return a_dynptr(kind, dynptr_out); }
constexpr ArgSpec released(ArgSpec spec) {
  spec.releases = true;
  return spec;
}
struct Returned {
  Ret kind;
  KernelType type = KernelType::none;
  constexpr Returned(Ret ret, KernelType of = KernelType::none) : kind(ret), type(of) {}
};
constexpr Returned returns(Ret ret, KernelType type) { return {ret, type}; }

constexpr ProgTypes only(std::initializer_list<ProgType> types) { return prog_types(types) | prog_types({ext}); }

constexpr ProgTypes kEverywhere = kAllProgTypes;
constexpr ProgTypes kBase = kEverywhere & ~prog_types({lirc_mode2});
constexpr ProgTypes kKprobe = only({kprobe});
constexpr ProgTypes kPerfEvent = only({perf_event});
constexpr ProgTypes kTracing =
    only({unspec, kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm, syscall});
constexpr ProgTypes kTraceBtf = only({tracing, lsm, syscall});
constexpr ProgTypes kTracingOnly = only({tracing, lsm});
constexpr ProgTypes kFuncIp = only({kprobe, tracing});
constexpr ProgTypes kCookie =
    only({kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm});
constexpr ProgTypes kLsm = only({lsm});
constexpr ProgTypes kSyscall = only({syscall});
constexpr ProgTypes kStructOps = only({struct_ops});
constexpr ProgTypes kLirc = only({lirc_mode2});
constexpr ProgTypes kXdp = only({xdp});
constexpr ProgTypes kTc = only({sched_cls, sched_act});
constexpr ProgTypes kTcXdp = kTc | kXdp;
constexpr ProgTypes kTcXmit = kTc | only({lwt_xmit});
constexpr ProgTypes kTcLwt = kTcXmit | only({lwt_in, lwt_out, lwt_seg6local});
constexpr ProgTypes kRedirect = kTcXmit | kXdp;
constexpr ProgTypes kPushEncap = only({lwt_in, lwt_xmit});
constexpr ProgTypes kSeg6 = only({lwt_seg6local});
constexpr ProgTypes kSkSkb = only({sk_skb});
constexpr ProgTypes kSkMsg = only({sk_msg});
constexpr ProgTypes kSkLookup = only({sk_lookup});
constexpr ProgTypes kSockOps = only({sock_ops});
constexpr ProgTypes kSockAddr = only({cgroup_sock_addr});
constexpr ProgTypes kSysctl = only({cgroup_sysctl});
constexpr ProgTypes kReuseport = only({sk_reuseport});
constexpr ProgTypes kCgroupSkb = only({cgroup_skb});
constexpr ProgTypes kCgroupSock = only({cgroup_sock});
constexpr ProgTypes kRetval =
    only({cgroup_sock, sock_ops, cgroup_device, cgroup_sock_addr, cgroup_sysctl, cgroup_sockopt, lsm});
constexpr ProgTypes kCgroup = kRetval | kCgroupSkb;
constexpr ProgTypes kTcCgroup = kTc | kCgroupSkb;
constexpr ProgTypes kTcpSock = kTcCgroup | only({sock_ops, cgroup_sockopt});
constexpr ProgTypes kSkLookups = kTcCgroup | only({xdp, sk_skb, cgroup_sock_addr});
constexpr ProgTypes kSkRelease = kSkLookups | kSkLookup;
constexpr ProgTypes kSkAssign = kTc | kSkLookup;
constexpr ProgTypes kSkStorage =
    kTcCgroup | only({sock_ops, sk_msg, cgroup_sock_addr, cgroup_sockopt, tracing, lsm, struct_ops});
constexpr ProgTypes kSkStorageGet = kSkStorage | kCgroupSock;
constexpr ProgTypes kNetnsCookie =
    kTcCgroup | only({socket_filter, cgroup_sock, sock_ops, sk_msg, cgroup_sock_addr, cgroup_sockopt});
constexpr ProgTypes kSocketUid = kTcCgroup | only({socket_filter, sk_skb});
constexpr ProgTypes kSocketPointer = only({sk_reuseport, syscall, tracing, lsm});
constexpr ProgTypes kSocketCookie = kSocketUid | kSocketPointer | only({cgroup_sock, sock_ops, cgroup_sock_addr});
constexpr ProgTypes kSocketPointerOptions = only({cgroup_sockopt, tracing, lsm, struct_ops});
constexpr ProgTypes kSocketOptions = kSocketPointerOptions | only({sock_ops, cgroup_sock_addr});
constexpr ProgTypes kAdjustRoom = kTc | kSkSkb;
constexpr ProgTypes kSkbChange = kTcXmit | kSkSkb;
constexpr ProgTypes kSkbPull = (kTcLwt | kSkSkb);
constexpr ProgTypes kSkbLoad = kTcLwt | only({socket_filter, cgroup_skb, sk_skb, sk_reuseport, flow_dissector});
constexpr ProgTypes kLoadRelative = kTcCgroup | only({socket_filter, sk_reuseport});
constexpr ProgTypes kBuffLen = kXdp | kTraceBtf;
constexpr ProgTypes kCsumDiff = kTcLwt | kXdp | prog_types({unspec});
constexpr ProgTypes kPerfOutput = kBase & ~prog_types({unspec, sk_reuseport, flow_dissector, netfilter, struct_ops});
constexpr ProgTypes kCoarseClock =
    (kBase & ~kTracing & ~prog_types({cgroup_device, cgroup_sockopt, netfilter})) | prog_types({unspec, ext});
constexpr ProgTypes kSkCast =
    kTcLwt | kTraceBtf |
    only({socket_filter, xdp, cgroup_skb, sock_ops, sk_skb, sk_msg, cgroup_sock_addr, flow_dissector, sk_lookup});

constexpr MapTypes kNoMaps = 0;
constexpr MapTypes kPerCpu = map_types({MapType::percpu_hash, MapType::percpu_array, MapType::lru_percpu_hash});
constexpr MapTypes kIterable = kPerCpu | map_types({MapType::hash, MapType::array, MapType::lru_hash});
constexpr MapTypes kKeyed =
    kIterable | map_types({MapType::lpm_trie, MapType::struct_ops, MapType::sockmap, MapType::sockhash});
constexpr MapTypes kLookup = kKeyed | map_types({MapType::array_of_maps, MapType::hash_of_maps, MapType::devmap,
                                                 MapType::devmap_hash, MapType::xskmap});
constexpr MapTypes kRedirectMaps = map_types({MapType::devmap, MapType::devmap_hash, MapType::cpumap, MapType::xskmap});
constexpr MapTypes kProgArray = map_types({MapType::prog_array});
constexpr MapTypes kPerfArray = map_types({MapType::perf_event_array});
constexpr MapTypes kStackTrace = map_types({MapType::stack_trace});
constexpr MapTypes kCgroupArray = map_types({MapType::cgroup_array});
constexpr MapTypes kCgroupStorage = map_types({MapType::cgroup_storage, MapType::percpu_cgroup_storage});
constexpr MapTypes kRingbuf = map_types({MapType::ringbuf});
constexpr MapTypes kUserRingbuf = map_types({MapType::user_ringbuf});
constexpr MapTypes kSockmap = map_types({MapType::sockmap});
constexpr MapTypes kSockhash = map_types({MapType::sockhash});
constexpr MapTypes kReuseportMaps = kSockmap | kSockhash | map_types({MapType::reuseport_sockarray});
constexpr MapTypes kQueues = map_types({MapType::queue, MapType::stack});
constexpr MapTypes kQueuesBloom = kQueues | map_types({MapType::bloom_filter});
constexpr MapTypes kSkStorageMap = map_types({MapType::sk_storage});
constexpr MapTypes kInodeStorageMap = map_types({MapType::inode_storage});
constexpr MapTypes kTaskStorageMap = map_types({MapType::task_storage});
constexpr MapTypes kCgrpStorageMap = map_types({MapType::cgrp_storage});
constexpr MapTypes kTimerMaps = map_types({MapType::hash, MapType::array, MapType::lru_hash});

constexpr AttachTypes kMultiProbes = attach_types({AttachType::trace_kprobe_multi, AttachType::trace_kprobe_session,
                                                   AttachType::trace_uprobe_multi, AttachType::trace_uprobe_session});

#define ARGUMENTS(...) \
  { __VA_ARGS__ }

constexpr Helper row(std::uint32_t id, std::string_view name, Returned ret, std::array<ArgSpec, 5> args,
                     std::uint32_t effects, ProgTypes programs, MapTypes maps, std::string_view doc) {
  return {id, name, ret.kind, ret.type, args, effects, programs, maps, doc};
}

constexpr Helper kHelpers[] = {
#define HELPER(id, name, ret, args, effects, programs, maps, doc) \
  row(id, #name, ret, {ARGUMENTS args}, effects, programs, maps, doc),
#define VARIANT(...)
#include "abi/helpers.inc"
#undef HELPER
#undef VARIANT
};

struct Variant {
  AttachTypes attach;
  Helper helper;
};
constexpr Variant kVariants[] = {
#define HELPER(...)
#define VARIANT(name, ret, args, effects, programs, attach, maps)                                                 \
  {attach, row(static_cast<std::uint32_t>(HelperId::name), #name, ret, {ARGUMENTS args}, effects, programs, maps, \
               kHelpers[static_cast<std::uint32_t>(HelperId::name) - 1].doc)},
#include "abi/helpers.inc"
#undef HELPER
#undef VARIANT
};

constexpr bool ids_are_dense() {
  std::uint32_t id = 1;
  for (const Helper& helper : kHelpers)
    if (helper.id != id++) return false;
  return true;
}
static_assert(ids_are_dense());

/// Helpers that a program type may call with some attach types only.
struct AttachLimit {
  HelperId helper;
  ProgTypes programs;
  AttachTypes attach;
};
constexpr AttachTypes kTrampolines =
    attach_types({AttachType::trace_fentry, AttachType::trace_fexit, AttachType::modify_return});
constexpr AttachTypes kIter = attach_types({AttachType::trace_iter});
constexpr AttachTypes kConnect = attach_types({AttachType::cgroup_inet4_connect, AttachType::cgroup_inet6_connect});
constexpr AttachTypes kNames = attach_types(
    {AttachType::cgroup_udp4_recvmsg, AttachType::cgroup_udp6_recvmsg, AttachType::cgroup_unix_recvmsg,
     AttachType::cgroup_inet4_getpeername, AttachType::cgroup_inet6_getpeername, AttachType::cgroup_unix_getpeername,
     AttachType::cgroup_inet4_getsockname, AttachType::cgroup_inet6_getsockname, AttachType::cgroup_unix_getsockname});
constexpr AttachTypes kNoRetval = kNames | attach_types({AttachType::cgroup_inet_ingress,
                                                         AttachType::cgroup_inet_egress, AttachType::cgroup_sock_ops});
constexpr AttachTypes kLsmCgroup = attach_types({AttachType::lsm_cgroup});
constexpr AttachTypes kKnownTypes =
    (std::uint64_t{1} << (static_cast<unsigned>(AttachType::trace_uprobe_session) + 1)) - 1;
constexpr ProgTypes kRetvalByAttach = prog_types({sock_ops, cgroup_device, cgroup_sock_addr, cgroup_sysctl});

constexpr AttachLimit kAttachLimits[] = {
    {HelperId::bind, prog_types({cgroup_sock_addr}), kConnect},
    {HelperId::setsockopt, prog_types({cgroup_sockopt}), attach_types({AttachType::cgroup_setsockopt})},
    {HelperId::setsockopt, prog_types({tracing}), kIter},
    {HelperId::setsockopt, prog_types({lsm}), kLsmCgroup},
    {HelperId::getsockopt, prog_types({cgroup_sockopt}), attach_types({AttachType::cgroup_setsockopt})},
    {HelperId::getsockopt, prog_types({tracing}), kIter},
    {HelperId::getsockopt, prog_types({lsm}), kLsmCgroup},
    {HelperId::get_retval, kRetvalByAttach, kKnownTypes & ~kNoRetval},
    {HelperId::set_retval, kRetvalByAttach, kKnownTypes & ~kNoRetval},
    {HelperId::get_retval, prog_types({lsm}), kLsmCgroup},
    {HelperId::set_retval, prog_types({lsm}), kLsmCgroup},
    {HelperId::get_local_storage, prog_types({lsm}), kLsmCgroup},
    {HelperId::seq_printf, prog_types({tracing}), kIter},
    {HelperId::seq_printf, prog_types({lsm}), 0},
    {HelperId::seq_write, prog_types({tracing}), kIter},
    {HelperId::seq_write, prog_types({lsm}), 0},
    {HelperId::seq_printf_btf, prog_types({tracing}), kIter},
    {HelperId::seq_printf_btf, prog_types({lsm}), 0},
    {HelperId::d_path, prog_types({tracing}), kTrampolines | kIter},
    {HelperId::get_func_ip, prog_types({tracing}), kTrampolines},
    {HelperId::get_func_arg, prog_types({tracing}), kTrampolines},
    {HelperId::get_func_ret, prog_types({tracing}), kTrampolines},
    {HelperId::get_func_arg_cnt, prog_types({tracing}), kTrampolines},
    {HelperId::get_func_arg, prog_types({lsm}), attach_types({AttachType::lsm_mac})},
    {HelperId::get_func_ret, prog_types({lsm}), attach_types({AttachType::lsm_mac})},
    {HelperId::get_func_arg_cnt, prog_types({lsm}), attach_types({AttachType::lsm_mac})},
    {HelperId::get_attach_cookie, prog_types({tracing}), kTrampolines | attach_types({AttachType::trace_raw_tp})},
    {HelperId::get_attach_cookie, prog_types({lsm}), attach_types({AttachType::lsm_mac})},
};

// What bpf_base_func_proto() of Linux asks for in front of a helper; the others ask for nothing by themselves.
constexpr HelperId kNeedsPerfmon[] = {
    HelperId::trace_printk,
    HelperId::get_current_comm,
    HelperId::perf_event_read,
    HelperId::get_current_task,
    HelperId::perf_event_read_value,
    HelperId::send_signal,
    HelperId::probe_read_user,
    HelperId::probe_read_kernel,
    HelperId::probe_read_user_str,
    HelperId::probe_read_kernel_str,
    HelperId::send_signal_thread,
    HelperId::skc_to_tcp6_sock,
    HelperId::skc_to_tcp_sock,
    HelperId::skc_to_tcp_timewait_sock,
    HelperId::skc_to_tcp_request_sock,
    HelperId::skc_to_udp6_sock,
    HelperId::get_task_stack,
    HelperId::copy_from_user,
    HelperId::snprintf_btf,
    HelperId::get_current_task_btf,
    HelperId::snprintf,
    HelperId::task_pt_regs,
    HelperId::get_branch_snapshot,
    HelperId::trace_vprintk,
    HelperId::skc_to_unix_sock,
    HelperId::find_vma,
    HelperId::copy_from_user_task,
    HelperId::skc_to_mptcp_sock,
    HelperId::sys_bpf,
};
constexpr HelperId kNeedsBpf[] = {
    HelperId::spin_lock,
    HelperId::spin_unlock,
    HelperId::jiffies64,
    HelperId::per_cpu_ptr,
    HelperId::this_cpu_ptr,
    HelperId::timer_init,
    HelperId::timer_set_callback,
    HelperId::timer_start,
    HelperId::timer_cancel,
    HelperId::kptr_xchg,
    HelperId::for_each_map_elem,
    HelperId::loop,
    HelperId::user_ringbuf_drain,
    HelperId::ringbuf_reserve_dynptr,
    HelperId::ringbuf_submit_dynptr,
    HelperId::ringbuf_discard_dynptr,
    HelperId::dynptr_from_mem,
    HelperId::dynptr_read,
    HelperId::dynptr_write,
    HelperId::dynptr_data,
    HelperId::cgrp_storage_get,
    HelperId::cgrp_storage_delete,
    HelperId::get_current_cgroup_id,
    HelperId::get_current_ancestor_cgroup_id,
    HelperId::current_task_under_cgroup,
    HelperId::task_storage_get,
    HelperId::task_storage_delete,
    HelperId::get_cgroup_classid,
};

}  // namespace

std::span<const Helper> helpers() noexcept { return kHelpers; }

const Helper* find_helper(std::uint32_t id) noexcept {
  return id >= 1 && id <= std::size(kHelpers) ? &kHelpers[id - 1] : nullptr;
}

Reach reach_of(Arg arg) noexcept {
  switch (arg) {
    using enum Arg;
    case none:
    case anything:
    case scalar:
    case ctx:
    case ctx_or_null:
    case map:
    case map_key:
    case map_value:
    case map_value_or_null:
    case mem:
    case mem_or_null:
    case fixed_mem:
    case size:
    case size_or_zero:
    case alloc_size:
    case record:
    case callback:
    case c_string:
      return Reach::reads;
    case map_value_out:
    case mem_mutable:
    case mem_out:
    case mem_out_or_null:
    case mem_inout:
    case mem_inout_or_null:
    case fixed_out:
    case fixed_inout:
    case callback_ctx:
      return Reach::writes;
    case spin_lock:
    case timer:
    case kptr:
    case dynptr:
    case dynptr_out:
    case sock_common:
    case socket:
    case socket_or_null:
    case btf_sock_common:
    case btf_sock_common_or_null:
    case btf:
    case btf_or_null:
    case object_or_null:
    case percpu_btf:
    case other:
      return Reach::kernel;
  }
  return Reach::kernel;
}

std::uint16_t argument_registers(const Helper& helper) noexcept {
  constexpr unsigned kFirst = 1;
  const bool variadic = helper.id == static_cast<std::uint32_t>(HelperId::trace_printk);
  std::uint16_t registers = 0;
  for (unsigned i = 0; i < helper.args.size(); ++i)
    if (variadic || helper.args[i].kind != Arg::none) registers |= static_cast<std::uint16_t>(1u << (kFirst + i));
  return registers;
}

const Helper* find_helper(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "bpf_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  const auto* found = std::ranges::find(kHelpers, name, &Helper::name);
  return found == std::end(kHelpers) ? nullptr : found;
}

const Helper* find_helper(std::uint32_t id, ProgType type, AttachType attach) noexcept {
  const Helper* helper = find_helper(id);
  if (helper == nullptr || !contains(callable_attach_types(*helper, type), attach)) return nullptr;
  for (const Variant& variant : kVariants) {
    if (variant.helper.id == id && type != ext && contains(variant.helper.programs, type) &&
        contains(variant.attach, attach))
      return &variant.helper;
  }
  return helper;
}

AttachTypes callable_attach_types(const Helper& helper, ProgType type) noexcept {
  if (!contains(helper.programs, type)) return 0;
  for (const AttachLimit& limit : kAttachLimits)
    if (static_cast<std::uint32_t>(limit.helper) == helper.id && contains(limit.programs, type)) return limit.attach;
  return kAnyAttachType;
}

Privilege privilege_needed(std::uint32_t id) noexcept {
  if (std::ranges::find(kNeedsPerfmon, static_cast<HelperId>(id)) != std::end(kNeedsPerfmon)) return Privilege::perfmon;
  if (std::ranges::find(kNeedsBpf, static_cast<HelperId>(id)) != std::end(kNeedsBpf)) return Privilege::bpf;
  return Privilege::none;
}

}  // namespace skep::abi
