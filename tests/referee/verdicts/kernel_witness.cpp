// Writes down what the running kernel says of objects: kernel_witness then triples of NAME OBJECT REPORT.
//
// Every program is loaded by libbpf, alone, and dropped again; those of the selftests that expect a result, and XDP's,
// are also test-run, as the suite does it. Nothing is attached, nothing is pinned. What the kernel's verifier said is
// kept apart from what stopped a program before it got there: the linker turns libbpf's syscall() into ours (--wrap),
// which sees the answer and the log. Each object is loaded by a process of its own, which may crash or take too long;
// they share the kernel's types, which libbpf would read again for every program.
//
// A report is lines of fields between tabs: program NAME TYPE WORD PROCESSED RESULT MESSAGE. WORD is accepted, refused,
// or unjudged (the verifier did not get to see it); RESULT what the test run returned, or -.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned kSeconds = 240;       // for one object
constexpr unsigned kStatisticsOnly = 4;  // log level: what is wrong, and the numbers
constexpr unsigned kStackTraceBytes = 127 * 8;
constexpr unsigned kEntries = 1024;  // of maps whose size an application sets

std::FILE* report = nullptr;
std::vector<char> log_buffer(1 << 20);
int answer = 0;  // of the last load that logs to the buffer; 0 or an errno
std::string first_warning;

int remember(libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN || !first_warning.empty()) return 0;
  char line[512];
  std::vsnprintf(line, sizeof line, format, args);
  first_warning = line;
  return 0;
}

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, Close>;

/// What the suite's tags say of one program.
struct Tags {
  bool expects_result = false;
  unsigned flags = 0;
};

Tags tags_of(const bpf_object* object, const char* program) {
  Tags tags;
  const btf* types = bpf_object__btf(object);
  if (types == nullptr) return tags;
  for (unsigned id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_decl_tag(type) || btf_decl_tag(type)->component_idx != -1) continue;
    const btf_type* function = btf__type_by_id(types, type->type);
    if (!btf_is_func(function) || std::strcmp(btf__name_by_offset(types, function->name_off), program) != 0) continue;
    const std::string_view tag = btf__name_by_offset(types, type->name_off);
    if (tag.starts_with("comment:test_retval=")) tags.expects_result = true;
    if (tag == "comment:test_prog_flags=BPF_F_STRICT_ALIGNMENT") tags.flags |= BPF_F_STRICT_ALIGNMENT;
    if (tag == "comment:test_prog_flags=BPF_F_TEST_STATE_FREQ") tags.flags |= BPF_F_TEST_STATE_FREQ;
  }
  return tags;
}

/// The suite fills these elements before it runs the programs.
void fill_maps(const bpf_object* object, std::string_view name) {
  const char* filled = name.starts_with("verifier_value_ptr_arith") ? "map_array_48b"
                       : name.starts_with("verifier_array_access")  ? "map_array_ro"
                                                                    : nullptr;
  const bpf_map* map = filled == nullptr ? nullptr : bpf_object__find_map_by_name(object, filled);
  if (map == nullptr) return;
  unsigned value[12] = {28};
  value[7] = 0xabcdef12;
  const unsigned key = 0;
  bpf_map_update_elem(bpf_map__fd(map), &key, value, 0);
}

std::string run(bpf_program* program) {
  unsigned char in[64] = {}, out[256] = {};
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  if (bpf_program__type(program) != BPF_PROG_TYPE_SYSCALL) {
    options.data_in = in;
    options.data_size_in = sizeof in;
    options.data_out = out;
    options.data_size_out = sizeof out;
    options.repeat = 1;
  }
  if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0) return "-";
  return std::to_string(options.retval);
}

/// The last line that is no statistics.
std::string reason(std::string_view log) {
  log = log.substr(0, log.rfind("verification time"));
  log = log.substr(0, log.rfind("processed "));
  while (log.ends_with('\n')) log.remove_suffix(1);
  std::string line(log.substr(log.rfind('\n') + 1).substr(0, 300));
  for (char& c : line)
    if (c == '\n' || c == '\t') c = ' ';
  return line;
}

unsigned long processed(std::string_view log) {
  const auto at = log.rfind("processed ");
  return at == std::string_view::npos ? 0 : std::strtoul(log.data() + at + std::strlen("processed "), nullptr, 10);
}

Object open(const char* path, const char* name) {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = name;
  return Object(bpf_object__open_file(path, &options));
}

/// Storages grow with what they belong to; the other maps want a size from their application.
void size_map(bpf_map* map) {
  switch (bpf_map__type(map)) {
    case BPF_MAP_TYPE_CGROUP_STORAGE_DEPRECATED:
    case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED:
    case BPF_MAP_TYPE_SK_STORAGE:
    case BPF_MAP_TYPE_INODE_STORAGE:
    case BPF_MAP_TYPE_TASK_STORAGE:
    case BPF_MAP_TYPE_CGRP_STORAGE:
    case BPF_MAP_TYPE_STRUCT_OPS:
      return;
    case BPF_MAP_TYPE_CPUMAP:
      bpf_map__set_max_entries(map, 1);
      return;
    case BPF_MAP_TYPE_STACK_TRACE:
      bpf_map__set_value_size(map, kStackTraceBytes);
      break;
    default:  // any size will do
      break;
  }
  if (!bpf_map__is_internal(map)) bpf_map__set_max_entries(map, kEntries);
}

/// Stand-ins that tools replace when they know the file system.
void replace_target(bpf_program* program) {
  constexpr const char* kReplaced[][2] = {
      {"dummy_file_read", "generic_file_read_iter"}, {"dummy_file_write", "generic_file_write_iter"},
      {"dummy_file_open", "generic_file_open"},      {"dummy_file_sync", "noop_fsync"},
      {"dummy_getattr", "simple_getattr"},
  };
  const std::string_view section = bpf_program__section_name(program);
  for (const auto& [stand_in, real] : kReplaced)
    if (section == std::string("fentry/") + stand_in || section == std::string("fexit/") + stand_in)
      bpf_program__set_attach_target(program, 0, real);
}

void judge(const char* path, const char* name, const std::string& wanted) {
  const Object object = open(path, "witness");
  if (object == nullptr) return;
  bpf_program* program = nullptr;
  bpf_program* chosen = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const bool is_it = chosen == nullptr && wanted == bpf_program__name(program);
    bpf_program__set_autoload(program, is_it);
    if (is_it) chosen = program;
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    bpf_map__set_pin_path(map, nullptr);
    if (bpf_map__max_entries(map) == 0) size_map(map);
  }
  replace_target(chosen);
  const Tags tags = tags_of(object.get(), wanted.c_str());
  if (tags.flags != 0) bpf_program__set_flags(chosen, bpf_program__flags(chosen) | tags.flags);
  bpf_program__set_log_level(chosen, kStatisticsOnly);
  bpf_program__set_log_buf(chosen, log_buffer.data(), log_buffer.size());
  log_buffer[0] = '\0';
  answer = -1;
  first_warning.clear();
  const int loaded = bpf_object__load(object.get());
  const std::string_view log = log_buffer.data();
  const bool judged = answer == 0 || (answer > 0 && log.find("processed ") != std::string_view::npos);
  std::string result = "-";
  if (loaded == 0 && (tags.expects_result || bpf_program__type(chosen) == BPF_PROG_TYPE_XDP)) {
    fill_maps(object.get(), name);
    result = run(chosen);
  }
  std::string why = judged ? (answer == 0 ? "" : reason(log)) : std::strerror(answer > 0 ? answer : -loaded);
  if (answer < 0) why = reason(first_warning);
  std::fprintf(report, "program\t%s\t%u\t%s\t%lu\t%s\t%s\n", wanted.c_str(), bpf_program__type(chosen),
               !judged       ? "unjudged"
               : answer == 0 ? "accepted"
                             : "refused",
               processed(log), result.c_str(), why.c_str());
  std::fflush(report);
}

void judge_all(const char* path, const char* name) {
  std::vector<std::string> names;
  if (const Object object = open(path, "witness"); object != nullptr) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) names.emplace_back(bpf_program__name(program));
  }
  for (const std::string& each : names) judge(path, name, each);
}

bool testify(const char* name, const char* path, const char* to) {
  const std::string unfinished = std::string(to) + ".tmp";
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kSeconds);
    report = std::fopen(unfinished.c_str(), "w");
    if (report == nullptr) ::_exit(1);
    judge_all(path, name);
    std::fclose(report);
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return false;
  return std::rename(unfinished.c_str(), to) == 0;
}

}  // namespace

extern "C" long __real_syscall(long number, ...);
extern "C" btf* __real_btf__load_vmlinux_btf();
extern "C" void __real_btf__free(btf* types);

/// Read once, before the processes part.
static btf* kernel_types() {
  static btf* const types = __real_btf__load_vmlinux_btf();
  return types;
}

extern "C" btf* __wrap_btf__load_vmlinux_btf() { return kernel_types(); }

extern "C" void __wrap_btf__free(btf* types) {
  if (types != kernel_types()) __real_btf__free(types);
}

extern "C" long __wrap_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  const long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  const long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  const long result = __real_syscall(number, a, b, c, d, e, f);
  if (number == SYS_bpf && a == BPF_PROG_LOAD) {
    const auto* attr = reinterpret_cast<const bpf_attr*>(b);
    if (attr->log_buf == reinterpret_cast<unsigned long>(log_buffer.data())) answer = result < 0 ? errno : 0;
  }
  return result;
}

int main(int argc, char** argv) {
  libbpf_set_print(remember);
  kernel_types();
  bool ok = argc > 1 && argc % 3 == 1;
  for (int i = 1; ok && i + 2 < argc; i += 3) ok = testify(argv[i], argv[i + 1], argv[i + 2]);
  return ok ? 0 : 1;
}
