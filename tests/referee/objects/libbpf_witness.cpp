// Writes down what libbpf makes of objects: witness KERNEL_BTF KERNEL_CONFIG then pairs of OBJECT REPORT. An OBJECT
// alone is opened and loaded by libbpf in this process, so that its cost can be seen.
//
// No call of bpf(2) reaches the kernel: the linker turns libbpf's syscall() into ours (--wrap), which answers as a
// kernel would that can all and takes all, and keeps the instructions of each program at the moment when libbpf hands
// them over. Kernel types are those of the given file, wherever libbpf asks for the running kernel's. Each object is
// read by a process of its own, which may crash.
//
// An object is loaded as it is, so that flags and targets are seen. Where this fails, it is loaded without the rules of
// section names and without struct_ops maps, which need functions and types that the kernel may not have, and then
// program by program, by the rules and, if need be, without.
//
// A report is lines of fields between tabs, described in testimony.hpp.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr off_t kMapBytes = off_t{1} << 36;  // libbpf maps global data and arenas

constexpr int kNoMap = 0x40000000;  // set in what names no map of the object

const char* kernel_types = nullptr;
std::FILE* report = nullptr;
std::string last_warning;

/// A program as handed over.
struct Load {
  std::string name, license;
  unsigned type = 0, attach_type = 0, flags = 0, attach_id = 0;
  std::vector<bpf_insn> insns;
};
std::vector<Load> loads;

// libbpf takes a descriptor for each map when it opens an object, in order, one for what maps of maps hold behind
// theirs, and these are what instructions hold in the end.
std::vector<int> placeholders;
std::map<int, int> number_of;  // index of the map by its descriptor

int fresh_descriptor() {
  const int fd = ::memfd_create("witness", MFD_CLOEXEC);
  if (fd >= 0 && ::ftruncate(fd, kMapBytes) != 0) return -1;
  return fd;
}

/// Descriptors of maps become their indexes.
void number_maps(std::vector<bpf_insn>& insns) {
  for (std::size_t pc = 0; pc < insns.size(); ++pc) {
    if (insns[pc].code != 0x18) continue;
    if (insns[pc].src_reg == 1 || insns[pc].src_reg == 2) {
      const auto known = number_of.find(insns[pc].imm);
      insns[pc].imm = known == number_of.end() ? insns[pc].imm | kNoMap : known->second;
    }
    ++pc;
  }
}

void keep(const bpf_attr& attr) {
  const std::string name(attr.prog_name, ::strnlen(attr.prog_name, sizeof attr.prog_name));
  if (name.empty()) return;
  const auto* insns = reinterpret_cast<const bpf_insn*>(attr.insns);
  Load load{.name = name,
            .license = reinterpret_cast<const char*>(attr.license),
            .type = attr.prog_type,
            .attach_type = attr.expected_attach_type,
            .flags = attr.prog_flags,
            .attach_id = attr.attach_btf_id,
            .insns = {insns, insns + attr.insn_cnt}};
  number_maps(load.insns);
  loads.push_back(std::move(load));
}

long answer(int command, const bpf_attr& attr) {
  switch (command) {
    case BPF_PROG_LOAD:
      keep(attr);
      return fresh_descriptor();
    case BPF_MAP_CREATE:
    case BPF_BTF_LOAD:
      return fresh_descriptor();
    case BPF_MAP_UPDATE_ELEM:
    case BPF_MAP_FREEZE:
    case BPF_PROG_BIND_MAP:
    case BPF_OBJ_GET_INFO_BY_FD:
      return 0;
    default:
      errno = ENOENT;
      return -1;
  }
}

int remember(libbpf_print_level level, const char* format, va_list args) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  std::vsnprintf(line, sizeof line, format, args);
  last_warning += line;
  return 0;
}

/// One line, short.
std::string flat(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\t') c = ' ';
  return text.substr(0, 600);
}

struct Close {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using Object = std::unique_ptr<bpf_object, Close>;

Object open(const char* path, const std::string& config) {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "witness";
  options.kconfig = config.c_str();
  placeholders.clear();
  Object object(bpf_object__open_file(path, &options));
  number_of.clear();
  std::size_t next = 0;
  int number = 0;
  bpf_map* map = nullptr;
  if (object != nullptr) bpf_object__for_each_map(map, object.get()) {
      if (next < placeholders.size()) number_of[placeholders[next]] = number++;
      next += bpf_map__inner_map(map) != nullptr ? 2 : 1;
    }
  return object;
}

void describe_map(const char* what, const bpf_map* map) {
  const char* pin = bpf_map__pin_path(map);
  const char* name = bpf_map__name(map);
  std::fprintf(report, "%s\t%s\t%u\t%u\t%u\t%u\t%u\t%u\t%llu\t%u\t%u\t%s\n", what, name == nullptr ? "" : name,
               bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map),
               bpf_map__map_flags(map), bpf_map__numa_node(map),
               static_cast<unsigned long long>(bpf_map__map_extra(map)), bpf_map__btf_key_type_id(map),
               bpf_map__btf_value_type_id(map), pin == nullptr ? "" : pin);
}

/// FNV-1a.
unsigned long long digest(const void* contents, std::size_t bytes) {
  unsigned long long value = 0xcbf29ce484222325;
  for (std::size_t i = 0; i < bytes; ++i)
    value = (value ^ static_cast<const unsigned char*>(contents)[i]) * 0x100000001b3;
  return value;
}

void describe(bpf_object* object) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    describe_map("map", map);
    if (const bpf_map* inner = bpf_map__inner_map(map); inner != nullptr) describe_map("inner", inner);
    std::size_t bytes = 0;
    const void* contents = bpf_map__initial_value(map, &bytes);
    if (contents != nullptr && bpf_map__is_internal(map))
      std::fprintf(report, "contents\t%016llx\n", digest(contents, bytes));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) std::fprintf(
      report, "program\t%s\t%s\t%u\t%u\t%d\n", bpf_program__name(program), bpf_program__section_name(program),
      bpf_program__type(program), bpf_program__expected_attach_type(program), bpf_program__autoload(program));
}

void describe_load(const std::string& name, const Load& load, const char* round) {
  std::fprintf(report, "load\t%s\t%s\t%u\t%u\t%u\t%u\t%s\t", name.c_str(), round, load.type, load.attach_type,
               load.flags, load.attach_id, flat(load.license).c_str());
  const auto* bytes = reinterpret_cast<const unsigned char*>(load.insns.data());
  for (std::size_t i = 0; i < load.insns.size() * sizeof(bpf_insn); ++i) std::fprintf(report, "%02x", bytes[i]);
  std::fputc('\n', report);
}

/// What libbpf decides about struct_ops when it loads an object that nobody has touched.
void describe_struct_ops(const char* path, const std::string& config) {
  const Object object = open(path, config);
  if (object == nullptr) return;
  bpf_map* map = nullptr;
  bool any = false;
  bpf_object__for_each_map(map, object.get()) {
    bpf_map__set_pin_path(map, nullptr);
    any |= bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS;
  }
  if (!any || bpf_object__load(object.get()) != 0) return;
  bpf_object__for_each_map(map, object.get()) if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
      std::fprintf(report, "value\t%s\t%u\n", bpf_map__name(map), bpf_map__value_size(map));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) if (bpf_program__type(program) == BPF_PROG_TYPE_STRUCT_OPS)
      std::fprintf(report, "autoload\t%s\t%d\n", bpf_program__name(program), bpf_program__autoload(program));
}

/// Loads an object with all of its programs, or one alone, by the rules of section names or (plain) without; true when
/// all of them were handed over.
bool load(const char* path, const std::string& config, bool plain, const std::string& alone) {
  last_warning.clear();
  loads.clear();
  const Object object = open(path, config);
  if (object == nullptr) return false;
  std::vector<std::string> names;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object.get()) {
    const bool wanted = alone.empty() || alone == bpf_program__name(program);
    bpf_program__set_autoload(program, wanted);
    if (plain) bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
    if (plain) bpf_program__set_expected_attach_type(program, bpf_attach_type{});
    if (wanted) names.emplace_back(bpf_program__name(program));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.get()) {
    bpf_map__set_pin_path(map, nullptr);
    if (plain && bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) bpf_map__set_autocreate(map, false);
  }
  const bool loaded = bpf_object__load(object.get()) == 0;
  // Programs that only struct_ops maps left out use are not loaded.
  if (loaded && alone.empty()) {
    names.clear();
    bpf_object__for_each_program(program, object.get()) if (bpf_program__autoload(program))
        names.emplace_back(bpf_program__name(program));
  }
  const char* round = plain ? "plain" : "rules";
  // libbpf's own programs, with which it tries the kernel out, lie between those of the object.
  std::vector<const Load*> taken;
  for (const Load& each : loads)
    if (taken.size() < names.size() && each.name == names[taken.size()].substr(0, each.name.size()))
      taken.push_back(&each);
  const bool all = loaded && taken.size() == names.size();
  if (all)
    for (std::size_t i = 0; i < names.size(); ++i) describe_load(names[i], *taken[i], round);
  return all;
}

void testify(const char* path, const std::string& config) {
  std::vector<std::string> names;
  {
    const Object object = open(path, config);
    if (object == nullptr) {
      std::fprintf(report, "refused\topen\t%s\n", flat(last_warning).c_str());
      return;
    }
    describe(object.get());
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) names.emplace_back(bpf_program__name(program));
  }
  describe_struct_ops(path, config);
  if (names.empty() || load(path, config, false, "")) return;
  std::fprintf(report, "note\t%s\n", flat(last_warning).c_str());
  const bool all = load(path, config, true, "");
  for (const std::string& name : names)
    if (!load(path, config, false, name) && !all && !load(path, config, true, name))
      std::fprintf(report, "failed\t%s\t%s\n", name.c_str(), flat(last_warning).c_str());
}

std::string read_text(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

extern "C" {

long __real_syscall(long number, ...);
btf* __real_btf__load_vmlinux_btf();

long __wrap_syscall(long number, ...) {
  va_list args;
  va_start(args, number);
  long a[6];
  for (long& each : a) each = va_arg(args, long);
  va_end(args);
  if (number != __NR_bpf) {
    const long result = __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == __NR_memfd_create) placeholders.push_back(static_cast<int>(result));
    return result;
  }
  return answer(static_cast<int>(a[0]), *reinterpret_cast<const bpf_attr*>(a[1]));
}

btf* __wrap_btf__load_vmlinux_btf() { return btf__parse_raw(kernel_types); }
}

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s KERNEL_BTF KERNEL_CONFIG OBJECT [REPORT {OBJECT REPORT}...]\n", argv[0]);
    return 2;
  }
  kernel_types = argv[1];
  const std::string config = read_text(argv[2]);
  libbpf_set_print(remember);
  if (argc == 4) {
    const Object object = open(argv[3], config);
    return object == nullptr || bpf_object__load(object.get()) != 0;
  }
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string unfinished = std::string(argv[i + 1]) + ".tmp";
    const pid_t child = ::fork();
    if (child == 0) {
      report = std::fopen(unfinished.c_str(), "w");
      if (report == nullptr) ::_exit(1);
      testify(argv[i], config);
      std::fclose(report);
      ::_exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return 1;
    if (status != 0) {
      report = std::fopen(unfinished.c_str(), "w");
      if (report == nullptr) return 1;
      std::fprintf(report, "refused\tcrash\tstatus %d\n", status);
      std::fclose(report);
    }
    if (std::rename(unfinished.c_str(), argv[i + 1]) != 0) return 1;
  }
  return 0;
}
