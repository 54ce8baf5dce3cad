// The command line: verbs, options, help. The only file that knows CLI11.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/exit_code.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {
namespace {

constexpr const char* kFooter = R"(Examples:
  skep inspect filter.bpf.o
  skep run filter.bpf.o --pcap in.pcap --write out.pcap
  skep run filter.bpf.o --program drop_all --data packet.bin --repeat 1000000
  skep run filter.bpf.o --map blocked=blocked.json --pcap in.pcap --json | jq .verdicts
  skep verify --explain filter.bpf.o
  skep dis filter.bpf.o
  skep gen skeleton filter.bpf.o -o filter.skel.hpp
  skep link -o whole.bpf.o main.bpf.o library.bpf.o
  echo 'r0 = 42; exit' | tr ';' '\n' | skep asm --hex | skep plugin

Exit codes:
  0  done
  1  the object or a program was refused, or a check failed
  2  usage: unknown option, program, map or type
  3  a run faulted
  4  input: a file cannot be read, written or understood

Each verb has a --help of its own. Colour only on a terminal and without NO_COLOR.)";

/// Splits "NAME=VALUE"; the name may not be empty.
std::pair<std::string, std::string> name_and_value(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw CLI::ValidationError("'" + text + "' is not NAME=VALUE");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

void add_pairs(CLI::App& verb, const char* flag, std::map<std::string, std::string>& into, const char* type,
               const char* help) {
  const auto add = [&into](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) into.insert(name_and_value(text));
    return true;
  };
  verb.add_option(flag, add, help)->type_name(type)->expected(1)->take_all();
}

void set_up_run(CLI::App& verb, RunOptions& o) {
  verb.add_option("OBJ", o.object, "object file of clang's bpf target; '-' for standard input")->required();
  verb.add_option("-p,--program", o.program, "function to run; may be left out when there is one")->type_name("NAME");
  auto* pcap = verb.add_option("--pcap", o.pcap, "run an XDP program on each packet of a capture; '-' reads a pipe");
  pcap->type_name("FILE");
  verb.add_option("--data", o.data, "run on these bytes: the packet of an XDP program, else the context")
      ->type_name("FILE|-")
      ->excludes(pcap);
  verb.add_option("-w,--write", o.write, "capture of the packets that passed, were sent back or redirected")
      ->type_name("FILE")
      ->check([](const std::string& path) { return path == "-" ? "needs a file, reports go to standard output" : ""; });
  verb.add_option("--repeat", o.repeat, "go over the input this many times")
      ->type_name("N")
      ->check(CLI::Validator(CLI::PositiveNumber).description(""));
  verb.add_option("--budget", o.budget, "end a run after this many instructions")->type_name("N");
  add_pairs(verb, "--map", o.preload, "NAME=FILE", "fill a map first, from JSON: [{\"key\": 1, \"value\": 2}, …]");
  add_pairs(verb, "--global", o.globals, "NAME=VALUE",
            "set a global variable first, also a constant: 1, true, [1, 2], eth0");
  add_pairs(verb, "--event", o.events, "NAME=TYPE",
            "print the records of a ring buffer or perf event array as this type");
  const auto add_size = [&o](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const auto [name, number] = name_and_value(text);
      std::uint32_t entries = 0;
      if (!CLI::detail::lexical_cast(number, entries)) throw CLI::ValidationError("'" + text + "' is not NAME=N");
      o.max_entries[name] = entries;
    }
    return true;
  };
  verb.add_option("--max-entries", add_size, "make a map this large")->type_name("NAME=N")->expected(1)->take_all();
  verb.add_option("--btf", o.btf, "kernel types for CO-RE, raw or in an ELF file; the running kernel's when left out")
      ->type_name("FILE");
  verb.add_option("--kconfig", o.kconfig, "values of CONFIG_ variables; of /boot/config-$(uname -r) when left out")
      ->type_name("FILE");
  add_pairs(verb, "--extern", o.externs, "NAME=VALUE", "value of a CONFIG_ or LINUX_ variable, address of a symbol");
  verb.add_flag("--all", o.all, "show every map entry and every event");
  verb.add_flag("--json", o.json, "for machines");
  const auto add_mode = [&](const char* name, std::optional<Mode> mode, bool verify, const char* text) {
    return verb.add_flag_callback(
        name,
        [&o, mode, verify] {
          o.mode = mode;
          o.verify = verify;
        },
        text);
  };
  auto* verify =
      add_mode("--verify", std::nullopt, true, "verify first, then run without the checks that became needless");
  auto* enforce =
      add_mode("--enforce", Mode::enforced, true, "verify first, and check all the same: a fault is a bug of skep");
  add_mode("--unguarded", Mode::unguarded, false,
           "no access checks: only for programs you would link into your process")
      ->excludes(verify)
      ->excludes(enforce);
  verify->excludes(enforce);
  static const std::map<std::string, Engine> kEngines{
      {"best", Engine::best}, {"jit", Engine::jit}, {"interpreter", Engine::interpreter}};
  verb.add_option("--engine", o.engine, "best (default), jit or interpreter")
      ->type_name("ENGINE")
      ->transform(CLI::Transformer(kEngines).description(""));
  verb.add_flag("--perf-map", o.perf_map, "tell perf of the machine code in /tmp/perf-PID.map");
  verb.add_option("--jitdump", o.jitdump, "tell perf of it in FOLDER/jit-PID.dump, for perf inject --jit")
      ->type_name("FOLDER");
  verb.add_flag("--gdb", o.gdb, "tell GDB of it: symbols and lines");
  verb.parse_complete_callback([&o] {
    if (o.pcap == "-" && o.repeat > 1) throw CLI::ValidationError("--repeat", "a pipe can be read only once");
  });
}

constexpr const char* kBtfHelp = "resolve CO-RE relocations against these kernel types, raw or in an ELF file";

void set_up_inspect(CLI::App& verb, InspectOptions& o) {
  verb.add_option("OBJ", o.objects, "object files")->required();
  verb.add_option("--btf", o.btf, kBtfHelp)->type_name("FILE");
  auto* json = verb.add_flag("--json", o.json, "for machines: an array with one object a file");
  auto* types =
      verb.add_flag("--types", o.types, "all types as C declarations; files may be raw BTF, as in /sys/kernel/btf, too")
          ->excludes(json);
  verb.add_option("--base-btf", o.base_btf, "with --types: what split types, of a kernel module, stand on")
      ->type_name("FILE")
      ->needs(types);
}

void set_up_dis(CLI::App& verb, DisOptions& o) {
  static const std::map<std::string, isa::Style> kStyles{{"llvm", isa::Style::llvm}, {"kernel", isa::Style::kernel}};
  verb.add_option("OBJ", o.object, "object file; '-' for standard input")->required();
  verb.add_option("-p,--program", o.program, "only this function and what it calls")->type_name("NAME");
  verb.add_option("--btf", o.btf, kBtfHelp)->type_name("FILE");
  verb.add_option("--style", o.style, "llvm (default) or kernel")
      ->type_name("STYLE")
      ->transform(CLI::CheckedTransformer(kStyles, CLI::ignore_case).description(""));
  verb.add_flag("--bytes", o.bytes, "the bytes of each instruction, too");
  using Jit = DisOptions::Jit;
  using Trust = DisOptions::Trust;
  static const std::map<std::string, Jit> kJits{{"text", Jit::text}, {"raw", Jit::raw}};
  auto* jit = verb.add_flag("--jit{text}", o.jit, "machine code beside the instructions; --jit=raw: its bytes only")
                  ->transform(CLI::CheckedTransformer(kJits).description(""));
  const auto add_trust = [&](const char* name, Trust trust, const char* text) {
    return verb
        .add_flag_callback(
            name, [&o, trust] { o.trust = trust; }, text)
        ->needs(jit);
  };
  auto* guarded =
      add_trust("--guarded", Trust::guarded, "code that checks everything, also where a proof is to be had");
  auto* verified = add_trust("--verified", Trust::verified, "only code that was proven: refused programs have none");
  auto* unguarded = add_trust("--unguarded", Trust::unguarded, "code without checks and without a proof");
  guarded->excludes(verified)->excludes(unguarded);
  verified->excludes(unguarded);
  verb.add_flag("--metered", o.metered, "code that counts its instructions")->needs(jit);
  verb.add_flag("--no-blind", o.no_blind, "the program's numbers as they are, also where nobody vouches for it")
      ->needs(jit);
}

void set_up_verify(CLI::App& verb, VerifyOptions& o) {
  verb.add_option("OBJ", o.objects, "object files")->required();
  verb.add_option("-p,--program", o.program, "only this program")->type_name("NAME");
  verb.add_option("--btf", o.btf, "kernel types; the running kernel's when left out")->type_name("FILE");
  verb.add_flag("--unprivileged", o.unprivileged, "as for a user without CAP_BPF and CAP_PERFMON");
  verb.add_flag("--strict-alignment", o.strict_alignment, "as for machines that cannot access unaligned memory");
  verb.add_flag("--explain", o.explain, "all problems of a refused program, with the steps that lead to each");
  auto* profile = verb.add_flag("--profile", o.profile, "where verification spends its time, by source line");
  auto* json = verb.add_flag("--json", o.json, "for machines, explained; see docs/verify.schema.json");
  verb.add_option("--log", o.log, "Linux' log: 1 the path to the refusal, 2 every step of every path")
      ->type_name("1|2")
      ->check(CLI::Range(1, 2).description(""))
      ->excludes(json)
      ->excludes(profile);
}

void set_up_link(CLI::App& verb, LinkOptions& o) {
  verb.add_option("-o,--output", o.output, "the object to write; '-' for standard output")
      ->type_name("OUT")
      ->required();
  verb.add_option("OBJ", o.objects, "object files, in the order in which they are linked")->required();
}

/// The same by bpftool's words: gen object OUT OBJ...
void set_up_gen_object(CLI::App& verb, LinkOptions& o) {
  verb.add_option("OUT", o.output, "the object to write; '-' for standard output")->required();
  verb.add_option("OBJ", o.objects, "object files, in the order in which they are linked")->required();
}

/// With bpftool's words, `name NAME`, for --name NAME.
void set_up_skeleton(CLI::App& verb, SkeletonOptions& o) {
  verb.add_option("OBJ", o.object, "object file; '-' for standard input")->required();
  auto* name = verb.add_option("--name", o.name, "namespace of the skeleton; made of the file's name when left out");
  verb.add_option("name", o.words, "'name NAME': the same by bpftool's words")->type_name("")->excludes(name);
  verb.add_option("-o,--output", o.output, "where to write; standard output when left out")->type_name("OUT");
  verb.parse_complete_callback([&o] {
    if (o.words.empty()) return;
    if (o.words.size() != 2 || o.words[0] != "name")
      throw CLI::ValidationError("OBJ", "needs nothing or 'name NAME' next");
    o.name = o.words[1];
  });
}

void set_up_asm(CLI::App& verb, AsmOptions& o) {
  verb.add_option("FILE", o.source, "assembly; standard input when left out or '-'");
  verb.add_option("-o,--output", o.output, "where to write; standard output when left out")->type_name("OUT");
  auto* hex = verb.add_flag("--hex", o.hex, "hex bytes on one line, as `skep plugin` reads them");
  verb.add_flag("--words", o.words, "64-bit words in hex, one a line")->excludes(hex);
}

void set_up_plugin(CLI::App& verb, PluginOptions& o) {
  verb.add_option("MEMORY", o.memory, "hex bytes; r1 is their address, r2 how many there are");
  verb.add_option("--program", o.program, "hex bytes of the program; standard input when left out")->type_name("HEX");
  verb.add_flag("--elf", o.elf, "the program's bytes are an ELF file");
  verb.add_flag("--debug", o.debug, "say on standard error what is run");
}

template <class Options>
void add_verb(CLI::App& app, const char* name, const char* help, void (*set_up)(CLI::App&, Options&),
              int (*verb)(const Options&), int& code) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(name, help);
  set_up(*sub, *options);
  sub->callback([options, verb, &code] { code = verb(*options); });
}

int main(int argc, char** argv) {
  CLI::App app{"skep: eBPF outside the kernel", "skep"};
  app.set_version_flag("--version", "skep " SKEP_VERSION);
  app.require_subcommand(1);
  int code = exit_ok;
  add_verb<RunOptions>(app, "run", "run a program, show what it did", set_up_run, run, code);
  add_verb<InspectOptions>(app, "inspect", "list programs, maps, global variables, needs", set_up_inspect, inspect,
                           code);
  add_verb<VerifyOptions>(app, "verify", "say whether Linux would load the programs, and if not, why", set_up_verify,
                          verify, code);
  add_verb<DisOptions>(app, "dis", "disassemble, with source lines", set_up_dis, dis, code);
  add_verb<LinkOptions>(app, "link", "link objects into one", set_up_link, link, code);
  add_verb<AsmOptions>(app, "asm", "assemble", set_up_asm, assemble, code);
  add_verb<PluginOptions>(app, "plugin", "be a plug-in of the public bpf_conformance runner", set_up_plugin, plugin,
                          code);
  add_verb<TestIsaOptions>(
      app, "test-isa", "run a folder of conformance files",
      +[](CLI::App& verb, TestIsaOptions& o) {
        verb.add_option("DIR", o.folder, "files *.data")->capture_default_str();
      },
      test_isa, code);
  CLI::App* generators = app.add_subcommand("gen", "make files, as bpftool gen does");
  generators->require_subcommand(1);
  add_verb<SkeletonOptions>(*generators, "skeleton", "a C++ header with programs, maps and globals as members",
                            set_up_skeleton, gen_skeleton, code);
  add_verb<LinkOptions>(*generators, "object", "the same as link", set_up_gen_object, link, code);
  app.footer(kFooter);  // after the verbs, which would inherit it
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return give_up(exit_input, "standard output: cannot write");
  return code;
}

}  // namespace
}  // namespace skep::cli

int main(int argc, char** argv) { return skep::cli::main(argc, argv); }
