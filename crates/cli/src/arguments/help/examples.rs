//! Examples, command by command. A line that starts with two spaces and `icecap` is tried by a test: it parses.

/// Returns the end of the long help of the command at `path`, which is `weights import`, say, and empty for icecap
/// itself.
pub(super) fn of(path: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(command, _)| *command == path).map(|(_, text)| *text)
}

const EXAMPLES: &[(&str, &str)] = &[
    ("", ICECAP),
    ("demo", DEMO),
    ("check", CHECK),
    ("train", TRAIN),
    ("evaluate", EVALUATE),
    ("report", REPORT),
    ("compare", COMPARE),
    ("predict", PREDICT),
    ("classify", CLASSIFY),
    ("similar", SIMILAR),
    ("extract", EXTRACT),
    ("serve", SERVE),
    ("export", EXPORT),
    ("bundle", BUNDLE),
    ("summary", SUMMARY),
    ("weights", WEIGHTS),
    ("weights list", WEIGHTS_LIST),
    ("weights pull", WEIGHTS_PULL),
    ("weights import", WEIGHTS_IMPORT),
    ("weights inspect", WEIGHTS_INSPECT),
    ("weights prepack", WEIGHTS_PREPACK),
    ("weights verify", WEIGHTS_VERIFY),
    ("bench", BENCH),
    ("bench model", BENCH_MODEL),
    ("bench roofline", BENCH_ROOFLINE),
    ("bench kernels", BENCH_KERNELS),
    ("bench layers", BENCH_LAYERS),
    ("bench tune", BENCH_TUNE),
    ("completions", COMPLETIONS),
    ("man", MAN),
];

const ICECAP: &str = "\
Examples:
  icecap demo
      the whole way through, on photos drawn by code
  icecap train photos
      a classifier from photos/cat, photos/dog, …: a folder of photos for each class
  icecap predict icecap-run/model.safetensors new.jpg more/
      what it sees on other photos

Environment:
  ICECAP_WEIGHTS   weights where no --weights is given
  ICECAP_CACHE     folder for features and fetched weights
  ICECAP_ISA       instruction set at most: portable, avx2, avxvnni, avx512, avx512vnni, avx512vbmi2 or amx
  NO_COLOR         no colors; there are none either where a terminal does not listen

Exit codes: 0 done, 1 a bug of ours, 2 arguments, 3 unusable content, 4 over a limit, 5 missing or unwritable path, \
130 interrupted.";

const DEMO: &str = "\
Examples:
  icecap demo
      draws photos into icecap-demo, trains on them, shows what the model sees
  icecap demo --out elsewhere --seed 1
      the same on other drawings, in another folder";

const CHECK: &str = "\
Examples:
  icecap check photos
      what cannot be read, is odd, is there twice or mislabeled, or stands in training and in validation
  icecap check photos --write-exclude leave.csv
      of copies all but one, as a list that `icecap train photos --exclude leave.csv` leaves out
  icecap check photos --json --strict
      the same for a program, with exit code 3 if something is an error";

const TRAIN: &str = "\
Examples:
  icecap train photos --weights keras-1.0-160
      photos/cat, photos/dog, …: a folder for each class; a fifth of each is held back to validate with
  icecap train photos/train --val photos/val --epochs 20 --out run
      validation photos of your own; everything about the run goes into run/
  icecap train photos --since icecap-run
      photos or classes came later: only new photos are looked at, and the old and the new model are compared
  icecap train photos --optimizer lbfgs --folds 5
      the head solved in one go, and judged by cross-validation
  icecap train photos --try size=160,224 --try l2=0.01,0.1,1
      which of the six is best, by folds of the training photos; the run is trained with it
  icecap train photos --augment flip,crop:0.8 --views 4
      learns from four views of each photo, computed once
  icecap train list.csv --class-weight balanced --group '^(cow-[0-9]+)_'
      photos from a list; rare classes count more, photos of one cow stay together
  icecap train photos --weights keras-1.0-160 --precision int8
      a model of a quarter of the size, several times as fast; what that costs is told
  icecap train photos --weights keras-1.0-160 --unfreeze auto
      after the head the net's last blocks learn too, if photos held back from training say that it helps
  icecap train photos --threshold recall=0.95 --positive cracked
      of two classes, so many photos of the one that is looked for are found
  icecap train --features part-1.parquet part-2.parquet
      on what `icecap extract` made of the photos, on this machine or on others; the photos need not be here
  icecap train --resume icecap-run
      goes on with a run that was interrupted";

const EVALUATE: &str = "\
Examples:
  icecap evaluate icecap-run/model.safetensors photos/test
      accuracy, recall, precision and ROC-AUC of each class, what is taken for what, what --reject-below would win
  icecap evaluate icecap-run/model.safetensors photos/test --json
      the same for a program";

const REPORT: &str = "\
Examples:
  icecap report icecap-run
      icecap-run/report.html anew: after an update, or when photos have moved back
  icecap report icecap-run -o page.html
      the same into another file";

const COMPARE: &str = "\
Examples:
  icecap compare icecap-run icecap-run-2
      metrics and options side by side, and who is right on the same validation photos
  icecap compare icecap-run icecap-run-2 icecap-run-3 --json
      several, for a program";

const SIMILAR: &str = "\
Examples:
  icecap similar lost.jpg --in holiday/
      the photos that look most like it
  icecap similar lost.jpg --in holiday/ --model icecap-run/model.safetensors --top 20 --json
      by the features of a trained model's backbone, for a program";

const PREDICT: &str = "\
Examples:
  icecap predict icecap-run/model.safetensors photo.jpg holiday/
      a table of labels, for files and for all that is in folders
  icecap predict icecap-run/model.safetensors holiday/ --top 3 --out seen.csv
      the three most probable classes of each photo, as CSV
  cat photo.jpg | icecap predict icecap-run/model.safetensors - --json
      the bytes of a photo on standard input
  find . -name '*.jpg' | icecap predict icecap-run/model.safetensors --files-from - --format jsonl
      a list on standard input; rows come as it comes
  icecap predict icecap-run/model.safetensors holiday/ --all --out seen.json
      the probability of every class, as a JSON array
  icecap predict icecap-run/model.safetensors holiday/ --heatmap maps --reject-below 0.6
      where the model looked, as pictures; 'none' for what is none of the classes
  icecap predict icecap-run/model.safetensors holiday/ --reject-novel
      'none' for photos that are unlike those of the training";

const CLASSIFY: &str = "\
Examples:
  icecap classify photo.jpg --weights torchvision-v2
      the five most probable of ImageNet's 1,000 classes
  icecap classify holiday/ --weights keras-1.0-224 --top 1 --json
      one class a photo, for a program";

const EXTRACT: &str = "\
Examples:
  icecap extract photos -o features.safetensors --weights keras-1.0-160
      a row of 1,280 features for each photo, with its class and its path
  icecap extract photos --shard 1/4 -o part-1.parquet
      a table with the first of four shares of the photos, on one of four machines; `icecap train --features` takes all four
  icecap extract photos --maps -o maps.safetensors
      whole feature maps, before the mean over their pixels";

const SERVE: &str = "\
Examples:
  icecap serve icecap-run/model.safetensors
      a page to try it at http://127.0.0.1:8080, and POST /predict for programs
  icecap serve bees=a/model.safetensors birds=b/model.safetensors --listen 127.0.0.1:9000
      two models; /predict?model=birds asks the second
  icecap serve model.safetensors --listen 0.0.0.0:8080 --token-file token
      for other machines, which have to send the token

Ask it:
  curl --data-binary @bee.jpg http://127.0.0.1:8080/predict
  curl -F a=@1.jpg -F b=@2.jpg -H 'Accept: text/csv' http://127.0.0.1:8080/predict

SIGHUP takes up model files that were replaced; SIGTERM answers what was asked, within 10 s, and ends.";

const EXPORT: &str = "\
Examples:
  icecap export icecap-run/model.safetensors --onnx photos.onnx
      for ONNX Runtime, OpenVINO and others; labels.txt with the class names comes beside it
  icecap export icecap-run/model.safetensors --onnx-u8 photos.onnx
      the same, but it takes pixels as a decoder gives them and scales them itself
  icecap export icecap-run/model.safetensors --onnx-u8 photos.onnx --int8
      weights and what lies between the layers in int8: a quarter of the size, about twice as fast
  icecap export icecap-run/model.safetensors --tflite photos.tflite
      for LiteRT, on phones for instance; the class names are inside. With --int8 it takes pixels as they come
  icecap export icecap-run/model.safetensors --safetensors-keras head.safetensors
      the trained layer alone, to be set into a Keras model
  icecap export icecap-run/model.safetensors --backbone net.safetensors
      the net below it alone, which is worth having where it was fine-tuned

docs/export.md says what is in the files and how to read them.";

const BUNDLE: &str = "\
Examples:
  icecap bundle icecap-run/model.safetensors -o cats-or-dogs
      a program; `./cats-or-dogs photo.jpg holiday/ --csv` answers as `icecap predict` does
  icecap bundle head.safetensors --weights keras-1.0-160 -o cats-or-dogs
      the same of a model that was saved with --head-only: the weights go in, too

The program is this icecap with the model behind it, so it runs where this one does: on machines with the same system \
and kind of processor.";

const SUMMARY: &str = "\
Examples:
  icecap summary
      the built-in starter with a head for two classes, layer by layer
  icecap summary --weights keras-1.0-160 --size 224 --classes 5
      other weights, another input, five classes
  icecap summary --unfreeze block_16
      what learns if the last block does, too";

const WEIGHTS: &str = "\
Examples:
  icecap weights list
      what is known by name, and what of it is in the cache
  icecap weights pull keras-1.0-160
      fetched once; `--weights keras-1.0-160` finds it from then on";

const WEIGHTS_LIST: &str = "\
Examples:
  icecap weights list
      names, sizes, accuracy, licenses
  icecap weights list --manifest own.toml
      with weights of your own, under names of your own";

const WEIGHTS_PULL: &str = "\
Examples:
  icecap weights pull keras-1.0-160 timm-1.0
      into the cache, their hashes compared
  icecap weights pull torchvision-v2 --mirror https://mirror.example/weights
      from a server of your own";

const WEIGHTS_IMPORT: &str = "\
Examples:
  icecap weights import mobilenet_v2.pth -o weights.safetensors
      weights for --weights, in the kind of file that opens quickest
  icecap weights import my_classifier.keras --classes ants,bees --size 160 -o model.safetensors
      a net with a dense layer that Keras or PyTorch trained, as a model for `icecap predict`";

const WEIGHTS_INSPECT: &str = "\
Examples:
  icecap weights inspect mobilenet_v2.h5
      container, layout, what is known of the net, its tensors
  icecap weights inspect icecap-run/model.safetensors --json
      a model file, for a program";

const WEIGHTS_PREPACK: &str = "\
Examples:
  icecap weights prepack icecap-run/model.safetensors
      the first prediction of this model then comes as soon as all others
  icecap weights prepack keras-1.0-160
      for every model on these weights

`icecap train` and the first `icecap predict` keep the net of their model by themselves: this is for machines that are
prepared before. The packed file serves every instruction set; it can be deleted at any time.";

const WEIGHTS_VERIFY: &str = "\
Examples:
  icecap weights verify keras-1.0-160
      the file in the cache against its hash
  icecap weights verify icecap-run/model.safetensors
      a model against the hash of its net that it states";

const BENCH: &str = "\
Examples:
  icecap bench model --weights keras-1.0-160
      milliseconds a photo, and how much of the processor's peak that is
  icecap bench roofline
      what the processor can do at most";

const BENCH_MODEL: &str = "\
Examples:
  icecap bench model --weights keras-1.0-160 --threads 1
      one photo at a time on one thread
  icecap bench model --batch 32 --seconds 5 --json
      a batch, measured longer, for a program
  icecap bench model --weights keras-1.0-160 --precision int8
      the same weights in int8";

const BENCH_ROOFLINE: &str = "\
Examples:
  icecap bench roofline
      multiply-adds of f32 and of bytes, and reading from each level of memory";

const BENCH_KERNELS: &str = "\
Examples:
  icecap bench kernels
      every kernel of f32 on every geometry of the net, against the peak
  icecap bench kernels --precision int8 --size 160
      those of nets in int8, against the peak of products of bytes
  icecap bench kernels --only stem_f32_4x16_portable,stem_i8_4x16_portable
      two kernels by their names";

const BENCH_LAYERS: &str = "\
Examples:
  icecap bench layers
      where the time of a pass goes
  icecap bench layers --precision int8 --threads 1
      the same in int8, on one thread";

const BENCH_TUNE: &str = "\
Examples:
  icecap bench tune
      milliseconds a photo in each block from block_13 on, forwards and backwards
  icecap bench tune --from block_16 --size 96 --width 0.35 --batch 8
      another part of another net";

const COMPLETIONS: &str = "\
Examples:
  icecap completions bash > ~/.local/share/bash-completion/completions/icecap
      for bash; a new shell completes commands, options and their values
  icecap completions fish > ~/.config/fish/completions/icecap.fish
      for fish
  icecap completions zsh > ~/.zfunc/_icecap
      for zsh, where ~/.zfunc is in its fpath";

const MAN: &str = "\
Examples:
  icecap man -o ~/.local/share/man/man1
      a page for each command; `man icecap-train` shows it
  icecap man -o /usr/local/share/man/man1
      for all users of this machine";
