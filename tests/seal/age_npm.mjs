// Runs age-encryption, the implementation by the format's author for Node, over the jobs on standard input.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Debian 12's Node 18 has it under this name only

const age = await import(pathToFileURL(process.argv[2]));
const answers = [];
for (const job of JSON.parse(readFileSync(0, "utf8"))) {
  const data = Buffer.from(job.data ?? "", "base64");
  try {
    if (job.do === "recipient") {
      answers.push({ text: await age.identityToRecipient(job.identity) });
    } else if (job.do === "seal") {
      const sealing = new age.Encrypter();
      for (const recipient of job.recipients ?? []) sealing.addRecipient(recipient);
      if (job.passphrase !== undefined) {
        sealing.setPassphrase(job.passphrase);
        sealing.setScryptWorkFactor(job.work);
      }
      const sealed = await sealing.encrypt(data);
      answers.push({ data: Buffer.from(job.armor ? age.armor.encode(sealed) : sealed).toString("base64") });
    } else {
      const opening = new age.Decrypter();
      for (const identity of job.identities ?? []) opening.addIdentity(identity);
      for (const passphrase of job.passphrases ?? []) opening.addPassphrase(passphrase);
      const sealed = job.armor ? age.armor.decode(data.toString("latin1")) : data;
      answers.push({ data: Buffer.from(await opening.decrypt(sealed)).toString("base64") });
    }
  } catch (error) {
    answers.push({ refused: String(error) });
  }
}
process.stdout.write(JSON.stringify(answers));
